//! libFuzzer on `cordon_fuzz::token`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::token(data));
