//! libFuzzer on `cordon_fuzz::export`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::export(data));
