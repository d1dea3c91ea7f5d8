//! libFuzzer on `cordon_fuzz::detect_scan`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::detect_scan(data));
