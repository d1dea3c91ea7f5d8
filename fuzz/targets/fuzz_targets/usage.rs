//! libFuzzer on `cordon_fuzz::usage`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::usage(data));
