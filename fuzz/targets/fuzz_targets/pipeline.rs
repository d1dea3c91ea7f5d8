//! libFuzzer on `cordon_fuzz::pipeline`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::pipeline(data));
