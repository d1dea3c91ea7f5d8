//! libFuzzer on `cordon_fuzz::custody`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::custody(data));
