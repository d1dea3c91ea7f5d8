//! Delimiters and roles of chat formats, where only a serving program writes them.

use super::Rule;

pub(super) const RULES: &[Rule] = &[
    Rule::markup(
        "markup.chat-tokens",
        (450, 620),
        "control tokens of chat templates",
        &[
            "<|im_start|> system", "<|im_start|> assistant", "<|im_start|> user", "<|system|>", "<|assistant|>", "<|user|>",
            "<|start_header_id|> system", "<|eot_id|>", "<|end_of_turn|>", "<|begin_of_text|>",
            "<<sys>>", "<</sys>>", "[system_prompt]", "[/system_prompt]", "<|endofprompt|>", "<|channel|>",
            
        ],
    ),
    Rule::markup(
        "markup.end-tokens",
        (250, 400),
        "control tokens that documents on chat templates also show",
        &["<start_of_turn>", "<|endoftext|>", "[inst]", "[/inst]", "<|im_end|>", "<|end|>"],
    ),
    Rule::markup(
        "markup.role-tags",
        (480, 720),
        "tags that pretend to end or begin a system part",
        &[
            "</system>", "<system>", "</system_prompt>", "</system-prompt>", "[system]:", "[/system]", "{{system}}", "<system_instruction>",
            "<system-instruction", "<admin_override>", "<important>", "<override>", "<system-reminder>", "<hidden_instructions>",
            "</untrusted", "</tool_result>", "</tool_response>", "</user_input>", "</user_query>", "</document_content>", "[system override",
            "[admin override", "[end of document]", "[new instructions", "[system note", "[system message", "[system:", "[ system ]",
        ],
    ),
    Rule::injection(
        "markup.role-heads",
        (480, 700),
        "headings that pretend to be a system part",
        &[
            "(begin|start|end|beginning) (of)? (new)? (system|admin|developer|root) (prompt|message|instructions|override|instruction|command)",
            "(system|admin|developer|root|emergency|security) (override|prompt override|command override|instruction override) (code|engaged|activated|accepted|initiated|enabled|mode|protocol|authorized|in effect|ignore|new|you|the|all|please|command)",
            "(system|admin|sudo|root) (override|instruction|directive) (ignore|disregard|forget|you|new|send|print|reveal|output|respond|do not|stop|from|the assistant|always)",
            "(system|system message|system note|system instruction|system notice|system update|system prompt) (you are now|you must|ignore|disregard|forget|new instructions|your new|from now|override|all previous|the previous|reveal|send|the assistant must|stop|security policy)",
            "(new|updated) system (prompt|message|instructions|instruction|directive)",
            "(assistant|ai) (sure here|sure i|ok i will|of course here|understood i will|absolutely here)",
            "(end of|end) (user|tool|untrusted|external|retrieved) (input|output|data|content|document|query|message)",
        ],
    ),
];
