//! libFuzzer on `cordon_fuzz::scan_logs`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::scan_logs(data));
