//! libFuzzer on `cordon_fuzz::shell`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::shell(data));
