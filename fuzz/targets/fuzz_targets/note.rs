//! libFuzzer on `cordon_fuzz::note`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::note(data));
