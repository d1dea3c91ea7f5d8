//! libFuzzer on `cordon_fuzz::config`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::config(data));
