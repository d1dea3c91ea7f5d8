//! libFuzzer on `cordon_fuzz::scan_cloud`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::scan_cloud(data));
