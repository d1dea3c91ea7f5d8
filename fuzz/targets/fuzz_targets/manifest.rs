//! libFuzzer on `cordon_fuzz::manifest`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::manifest(data));
