//! libFuzzer on `cordon_fuzz::proof`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::proof(data));
