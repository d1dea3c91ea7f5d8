//! OpenAI Chat Completions, and the servers that speak it (Azure, Ollama, vLLM, llama.cpp).

pub(crate) mod answer;
pub(crate) mod request;
pub(crate) mod stream;
