//! Reads what clouds export: plain, gzip or zstd, as logs are.
//!
//! What always holds: files alone are read, and no cloud is asked. A file that is no export ends the scan with its name;
//! one that breaks off is read up to there, and a note says so.

use super::logs::{PIECE, open, unpacked};
use super::{ScanOptions, Shared};
use crate::error::AppError;
use cordon_inventory::cloud::{CloudError, CloudScan, join};

pub(super) fn read_all(options: &ScanOptions, shared: &Shared) -> Result<(), AppError> {
    let (mut config, mut agents) = (false, false);
    let mut found = Vec::new();
    for path in &options.clouds {
        let place = path.display().to_string();
        let mut scan = CloudScan::new(&place, options.cloud_format);
        let mut failed: Option<CloudError> = None;
        let read = unpacked(open(path)?, &mut vec![0; PIECE], &mut |bytes| {
            failed = scan.push(bytes).err();
            failed.is_none()
        });
        if let Err(error) = read {
            shared.note(format!("{place}: {error}; read up to there"));
        }
        let done = match failed {
            Some(error) => Err(error),
            None => scan.finish(),
        };
        let done = done.map_err(|e| AppError::Scan(format!("{place}: {e}")))?;
        config |= done.config;
        agents |= done.agents;
        for note in done.notes {
            shared.note(format!("{place}: {note}"));
        }
        found.extend(done.found);
    }
    join(&mut found);
    shared.found(found);
    if config && !agents {
        shared.note(
            "AWS Config records no Bedrock agents: add what `aws bedrock-agent list-agents` prints"
                .to_owned(),
        );
    }
    Ok(())
}
