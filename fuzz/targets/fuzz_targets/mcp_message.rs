//! libFuzzer on `cordon_fuzz::mcp_message`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cordon_fuzz::mcp_message(data));
