//! libFuzzer on `cordon_fuzz::key`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::key(data));
