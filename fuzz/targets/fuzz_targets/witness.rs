//! libFuzzer on `cordon_fuzz::witness`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::witness(data));
