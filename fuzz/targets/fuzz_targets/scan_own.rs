//! libFuzzer on `cordon_fuzz::scan_own`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::scan_own(data));
