//! Reads network logs: plain, gzip or zstd, by their first bytes, in pieces of constant size.
//!
//! What always holds: what a packed log unpacks to is bounded, by its size and by its ratio.

use super::{LogRead, ScanOptions, Shared};
use crate::error::AppError;
use cordon_inventory::logs::{LogScan, Usage};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes a piece.
pub(super) const PIECE: usize = 256 << 10;
/// Most bytes that one packed log unpacks to.
const MAX_UNPACKED: u64 = 256 << 30;
/// Logs pack to a tenth or a fiftieth. What unpacks to more than so many times its size is a bomb...
const MAX_RATIO: u64 = 300;
/// ... once it has given so many bytes.
const RATIO_FROM: u64 = 256 << 20;
/// Bytes between two words of progress.
const PROGRESS: u64 = 64 << 20;

pub(super) fn read_all(
    options: &ScanOptions,
    usage: &mut Usage,
    shared: &Shared,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Vec<LogRead>, AppError> {
    let mut paths: Vec<&PathBuf> = options.logs.iter().collect();
    // Records of flows name no host; they are joined to those that do, which have to come first.
    paths.sort_by_key(|p| {
        let name = p.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.starts_with("conn") || name.contains("traffic") || name.contains("flow")
    });
    let mut out = Vec::new();
    for path in paths {
        let place = path.display().to_string();
        let reader: Box<dyn Read> =
            if path.as_os_str() == "-" { Box::new(std::io::stdin()) } else { Box::new(open(path)?) };
        let mut scan = LogScan::new(&place, options.format.clone(), year(options.now), usage);
        let mut piece = vec![0; PIECE];
        let mut done = 0_u64;
        let mut failed = false;
        let result = unpacked(reader, &mut piece, &mut |bytes| {
            done += bytes.len() as u64;
            if done / PROGRESS != (done - bytes.len() as u64) / PROGRESS {
                progress(&format!("{place}: {} MiB", done >> 20));
            }
            failed = scan.push(bytes).is_err();
            !failed
        });
        if let Err(error) = result {
            shared.note(format!("{place}: {error}; read up to there"));
        }
        match scan.finish() {
            Ok((format, counts)) => {
                if counts.unreadable > 0 {
                    let of = format.as_ref().map_or("", |f| f.name());
                    shared.note(format!(
                        "{place}: {} of {} lines are not {of}",
                        counts.unreadable, counts.lines
                    ));
                }
                out.push(LogRead { path: place, format: format.map_or("empty", |f| f.name()), counts });
            }
            Err(error) => return Err(AppError::Scan(format!("{place}: {error}"))),
        }
    }
    Ok(out)
}

pub(super) fn open(path: &Path) -> Result<File, AppError> {
    let file = File::open(path).map_err(|e| AppError::file(path, "opening it", e))?;
    let kind = file.metadata().map_err(|e| AppError::file(path, "looking at it", e))?;
    if kind.is_dir() {
        return Err(AppError::Scan(format!("{}: is a folder; name its files", path.display())));
    }
    Ok(file)
}

/// The year of a time; logs that name none are of this one.
fn year(now: i64) -> i16 {
    const YEAR: f64 = 31_556_952_000.0;
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "bounded to years of four digits"
    )]
    let year = (1970.0 + now as f64 / YEAR).clamp(1970.0, 9999.0) as i16;
    year
}

/// Gives what `reader` unpacks to, piece by piece, until `take` has enough.
pub(super) fn unpacked(
    reader: impl Read,
    piece: &mut [u8],
    take: &mut dyn FnMut(&[u8]) -> bool,
) -> std::io::Result<()> {
    let mut reader = BufReader::with_capacity(PIECE, Counted { inner: reader, count: 0 });
    let magic = reader.fill_buf()?;
    if magic.starts_with(&[0x1f, 0x8b]) {
        let mut unpack = flate2::bufread::MultiGzDecoder::new(reader);
        let mut given = 0;
        return loop {
            let n = unpack.read(piece)?;
            given += n as u64;
            if n == 0 || !take(piece.get(..n).unwrap_or(&[])) {
                break Ok(());
            }
            bounded(given, unpack.get_ref().get_ref().count)?;
        };
    }
    if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return zstd(reader, piece, take);
    }
    loop {
        let n = reader.read(piece)?;
        if n == 0 || !take(piece.get(..n).unwrap_or(&[])) {
            return Ok(());
        }
    }
}

/// Frames, one after the other.
fn zstd(
    mut reader: BufReader<Counted<impl Read>>,
    piece: &mut [u8],
    take: &mut dyn FnMut(&[u8]) -> bool,
) -> std::io::Result<()> {
    let mut given = 0;
    while !reader.fill_buf()?.is_empty() {
        let mut frame =
            ruzstd::decoding::StreamingDecoder::new(&mut reader).map_err(std::io::Error::other)?;
        loop {
            let n = frame.read(piece)?;
            if n == 0 {
                break;
            }
            given += n as u64;
            if !take(piece.get(..n).unwrap_or(&[])) {
                return Ok(());
            }
            bounded(given, frame.get_ref().get_ref().count)?;
        }
    }
    Ok(())
}

fn bounded(given: u64, taken: u64) -> std::io::Result<()> {
    if given > MAX_UNPACKED || (given > RATIO_FROM && given / taken.max(1) > MAX_RATIO) {
        return Err(std::io::Error::other(format!(
            "{taken} bytes unpack to over {given}: not the packing of a log"
        )));
    }
    Ok(())
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count += n as u64;
        Ok(n)
    }
}
