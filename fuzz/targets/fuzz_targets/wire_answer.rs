//! libFuzzer on `cordon_fuzz::wire_answer`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::wire_answer(data));
