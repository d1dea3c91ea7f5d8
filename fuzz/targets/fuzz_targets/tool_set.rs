//! libFuzzer on `cordon_fuzz::tool_set`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::tool_set(data));
