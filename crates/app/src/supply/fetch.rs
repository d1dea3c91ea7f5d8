//! Archives of advisories from the operator's mirror, as OSV lays them out: `<registry>/all.zip`.
//!
//! What always holds: only what the operator says is fetched, from the one host that they named, encrypted but for a
//! server on this very machine; redirects are not followed; an archive is bounded and whole, or nothing is taken and
//! the old snapshot stays. What came is read by the same code as what is dropped in, and removed.

use super::archive::MAX_ARCHIVE;
use super::snapshot::{About, FOLDER, import, private};
use crate::data::{make_dir, read};
use crate::error::AppError;
use crate::settings::{certificates, credential};
use crate::system::SystemClock;
use crate::tools::export::Here;
use cordon_config::{Advisories, BaseUrl};
use cordon_supply::Ecosystem;
use cordon_types::UpstreamId;
use cordon_upstream::{AuthStyle, Credential, Delivery, Outgoing, Settings, Target};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zip::ZipArchive;

/// Longest until an answer begins, and between two pieces of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest for one archive: npm's at one megabyte a second, four times over.
const WHOLE: Duration = Duration::from_secs(1_200);

/// Fetches the archives of these registries (of those that the config names, or of all) and makes them the snapshot.
///
/// # Errors
/// When no mirror is named, it cannot be reached, or an archive is not whole: then the snapshot is the one before.
pub fn fetch(
    root: &Path,
    mirror: Option<&str>,
    registries: &[String],
    now: u64,
    progress: &dyn Fn(&str),
) -> Result<(About, Vec<String>), AppError> {
    let config = cordon_config::parse("cordon.toml", &read(&root.join("cordon.toml"))?);
    let told = config.map_err(AppError::Problems)?.advisories;
    let base = place(mirror, &told)?;
    let named = if registries.is_empty() { &told.registries } else { registries };
    let registries = ecosystems(named)?;
    // Before anything is asked for: a snapshot could not be signed without the key.
    super::snapshot::signer(root)?;
    let delivery = delivery(root, &base, &told)?;
    make_dir(&root.join(FOLDER))?;
    let folder = Fetched(root.join(FOLDER).join("fetched"));
    folder.empty()?;
    make_dir(&folder.0)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let mut paths = Vec::new();
    for registry in registries {
        progress(&format!("fetching {}", registry.osv()));
        let path = folder.0.join(format!("{}.zip", registry.osv()));
        let one = archive(&delivery, registry, &path);
        let limited = async { tokio::time::timeout(WHOLE, Box::pin(one)).await };
        let late = |_| failed(registry, &format!("is not there after {} minutes", WHOLE.as_secs() / 60));
        runtime.block_on(limited).map_err(late)??;
        paths.push(path);
    }
    progress("reading");
    import(root, &paths, now)
}

/// What is on its way: gone however it ends.
struct Fetched(PathBuf);

impl Fetched {
    fn empty(&self) -> Result<(), AppError> {
        match std::fs::remove_dir_all(&self.0) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(AppError::file(&self.0, "emptying", e)),
            _ => Ok(()),
        }
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        let _ = self.empty();
    }
}

fn failed(registry: Ecosystem, why: &str) -> AppError {
    AppError::Supply(format!("{}/all.zip of the mirror {why}; nothing was taken over", registry.osv()))
}

/// The mirror. SECURITY: who sits on the way could leave advisories out.
fn place(mirror: Option<&str>, told: &Advisories) -> Result<BaseUrl, AppError> {
    let Some(text) = mirror else {
        return told.mirror.clone().ok_or_else(|| {
            let text = "no mirror is named; write `[advisories] mirror = \"https://...\"` in cordon.toml, or --mirror";
            AppError::Supply(text.to_owned())
        });
    };
    let base = BaseUrl::parse(text).map_err(|e| AppError::Supply(format!("--mirror: {e}")))?;
    if !base.https() && !base.is_loopback() {
        return Err(AppError::Supply("--mirror: would be read in the clear; use https://".to_owned()));
    }
    Ok(base)
}

fn ecosystems(names: &[String]) -> Result<Vec<Ecosystem>, AppError> {
    if names.is_empty() {
        return Ok(Ecosystem::ALL.to_vec());
    }
    let known = || Ecosystem::ALL.map(Ecosystem::osv).join(", ");
    let find = |name: &String| {
        let found = Ecosystem::ALL.into_iter().find(|e| e.osv().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            AppError::Supply(format!("`{name}` is no registry that is known here: {}", known()))
        })
    };
    names.iter().map(find).collect()
}

fn delivery(root: &Path, base: &BaseUrl, told: &Advisories) -> Result<Delivery, AppError> {
    let bad = |reason: String| AppError::Supply(format!("[advisories]: {reason}"));
    let id = UpstreamId::new("mirror").map_err(|e| bad(e.to_string()))?;
    let target = Target::Url(cordon_upstream::BaseUrl::parse(&base.to_string()).map_err(bad)?);
    let mut settings = Settings::new(id, target);
    // A mirror stands in the operator's own network more often than not.
    settings.allow_private = true;
    (settings.head, settings.idle, settings.retries) = (PATIENCE, PATIENCE, 0);
    // SECURITY: the credential is for the mirror that the config names, and goes to no other.
    if told.mirror.as_ref() == Some(base) {
        settings.credential = credential(root, &told.credential).map_err(bad)?.map(Credential::new);
        settings.auth = if settings.credential.is_some() { AuthStyle::Bearer } else { AuthStyle::None };
    }
    settings.ca = told.ca_file.as_deref().map(|f| certificates(&root.join(f))).transpose()?;
    Ok(Delivery::new(&settings, Arc::new(Here), Arc::new(SystemClock::new()))?)
}

async fn archive(delivery: &Delivery, registry: Ecosystem, path: &Path) -> Result<(), AppError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/zip, application/octet-stream"));
    let request = Outgoing {
        method: Method::GET,
        path: format!("/{}/all.zip", registry.osv()).into(),
        headers,
        body: Vec::new().into(),
    };
    let broken = |e: cordon_upstream::UpstreamError| failed(registry, &format!("did not come: {e}"));
    let mut answer = Box::pin(delivery.send(request, None)).await.map_err(broken)?;
    if answer.status != StatusCode::OK {
        return Err(failed(registry, &format!("did not come: it answered {}", answer.status.as_u16())));
    }
    let fail = |e| AppError::file(path, "writing", e);
    let mut file = private(path).map_err(fail)?;
    let mut size = 0_u64;
    while let Some(chunk) = answer.body.chunk().await {
        let chunk = chunk.map_err(broken)?;
        size += chunk.len() as u64;
        if size > MAX_ARCHIVE {
            return Err(failed(registry, "is larger than any archive of advisories"));
        }
        file.write_all(&chunk).map_err(fail)?;
    }
    drop(file);
    // A proxy's page, or an archive that was cut where no length said so (its list stands at the end): its records would
    // be none, and the advisories of that registry gone.
    let file = std::fs::File::open(path).map_err(|e| AppError::file(path, "reading", e))?;
    if ZipArchive::new(std::io::BufReader::new(file)).is_err() {
        return Err(failed(registry, "is no whole zip"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_knows_the_registries_that_can_be_looked_up() {
        assert_eq!(cordon_config::REGISTRIES, Ecosystem::ALL.map(Ecosystem::osv));
        let names: Vec<String> = cordon_config::REGISTRIES.map(str::to_owned).to_vec();
        assert_eq!(ecosystems(&names).unwrap(), Ecosystem::ALL);
        assert!(ecosystems(&["Debian".to_owned()]).is_err());
    }
}
