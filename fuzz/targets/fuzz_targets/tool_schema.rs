//! libFuzzer on `cordon_fuzz::tool_schema`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::tool_schema(data));
