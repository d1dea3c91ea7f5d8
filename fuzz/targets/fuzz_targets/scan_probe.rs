//! libFuzzer on `cordon_fuzz::scan_probe`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::scan_probe(data));
