//! libFuzzer on `cordon_fuzz::bill`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::bill(data));
