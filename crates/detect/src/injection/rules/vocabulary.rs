//! Words that several rules share. An entry may name entries before it in this table only one level deep.

pub(super) const ROWS: &[(&str, &str)] = &[
    // ---- English
    (
        "ignore",
        "(ignore|ignoring|disregard|disregarding|forget|forgetting|neglect|override|overrule|bypass|discard|dismiss|abandon|nullify|\
         pay no attention to|(do not|don t|dont|never|stop|no longer|cease) (follow|following|obey|obeying|comply with|adhere to|listen to|listening to|consider|considering|take into account)|\
         erase|set aside|throw out|throw away|delete|cancel|clear|wipe|purge|reset|remove|skip|leave behind)",
    ),
    (
        "quant",
        "(all|any|every|each|of|the|your|my|our|these|those|this|that|everything|whatever|and|or|other|such|both|about|literally|completely|entirely|totally|simply|just|please|from|in|s)*",
    ),
    (
        "prior",
        "(previous|previously|prior|preceding|earlier|above|foregoing|former|past|old|initial|original|existing|current|first|last|system|systems|developer|default|stated|given|provided|safety|security|content|internal|base|core|hidden|usual|standard|predefined|programmed|openai|ethical|moral)",
    ),
    (
        "instr",
        "(instruction|instructions|instruct|intructions|instrutions|directive|directives|direction|directions|guideline|guidelines|guidance|prompt|prompts|command|commands|order|orders|rule|rules|programming|training|policy|policies|constraint|constraints|restriction|restrictions|protocol|protocols|guardrail|guardrails|safeguards|filters|limitations|assignments|brief|briefing)",
    ),
    (
        "weak",
        "(context|message|messages|text|task|tasks|request|requests|input|inputs|content|conversation|conversations|information|statements|words|discussion|examples|sentence|sentences|question|questions|data|output|outputs|everything|said|written|chat|told)",
    ),
    (
        "model",
        "(ai|a i|ais|llm|llms|ai model|language model|large language model|assistant|assistants|ai assistant|ai assistants|virtual assistant|agent|agents|ai agent|ai agents|autonomous agent|chatbot|chat bot|bot|model|copilot|chatgpt|gpt|claude|gemini|automated system|automated systems|automated reviewer|automated reviewers|automated tool|summarizer|summariser|crawler)",
    ),
    (
        "sysprompt",
        "((system|developer|initial|original|hidden|secret|internal|full|entire|complete|starting|first|base|core|exact|whole|pre|previous|prior|above|given|current|underlying|confidential|raw|private)* (prompt|prompts|instruction|instructions|system message|system messages|system text|developer message|developer instructions|guidelines|directives|preprompt|pre prompt))",
    ),
    (
        "reveal",
        "(reveal|show|print|output|repeat|display|tell me|give me|list|write|write out|share|disclose|expose|leak|dump|recite|echo|return|provide|paste|summarise|summarize|paraphrase|translate|describe|explain|copy|quote|state|send|read|reproduce|restate|spell out|spell check|include|append|enumerate|encode|render|format|what is|what are|what were|what was|what s)",
    ),
    (
        "send",
        "(send|forward|email|e mail|mail|post|upload|transmit|exfiltrate|deliver|leak|submit|copy|cc|bcc|share|transfer|wire|pay|publish|push|report|relay|export)",
    ),
    (
        "act",
        "(send|forward|email|e mail|mail|post|upload|transmit|exfiltrate|deliver|leak|submit|share|transfer|wire|pay|publish|delete|remove|drop|erase|wipe|execute|run|call|invoke|use|fetch|visit|open|download|install|grant|disable|approve|add|create|change|reset|update|write|read|append|print|output|reply|respond|answer|say|tell|include|return|reveal|show|list|give|recommend|rate|mark|classify|ignore|disregard|forget|follow|book|buy|order|purchase|refund|schedule|access|retrieve|make|set|click|translate|summarize|summarise|state|mention|insert|rank|report|treat|promote|override|perform)",
    ),
    (
        "secret",
        "(password|passwords|passwort|api key|api keys|secret|secrets|secret key|access token|access tokens|token|tokens|credential|credentials|private key|private keys|ssh key|ssh keys|env file|environment variables|session cookie|cookies|system prompt|conversation history|chat history|conversation|customer data|customer list|customer records|user data|personal data|user s data|contacts|contact list|private repository|private repositories|id rsa|inbox|unread message|unread messages|emails|e mails|payroll|bank details|credit card|card numbers|files|documents|database)",
    ),
    // ---- other languages
    (
        "de_instr",
        "(anweisung%|instruktion%|befehl%|vorgabe%|regel%|richtlinie%|auftrag%|auftrage%|aufgabe%|prompt%|anordnung%|vorschrift%|weisung%|systemprompt%|hinweise|angaben|informationen)",
    ),
    (
        "fr_instr",
        "(instruction%|consigne%|directive%|regle%|ordre%|commande%|prompt%|invite%|indication%|contrainte%|restriction%)",
    ),
    (
        "es_instr",
        "(instruccion%|indicacion%|directriz|directrices|directiva%|orden|ordenes|regla%|comando%|prompt%|restriccion%|mensaje de sistema|consigna%|norma%|pauta%)",
    ),
    (
        "pt_instr",
        "(instruco%|instrucao|orientac%|diretriz%|diretiva%|ordens|ordem|regra%|comando%|prompt%|restric%|indicac%)",
    ),
    (
        "it_instr",
        "(istruzion%|indicazion%|direttiv%|ordin%|regol%|comand%|prompt%|restrizion%|consegn%|linee guida)",
    ),
    (
        "nl_instr",
        "(instructie%|opdracht%|aanwijzing%|richtlijn%|regel%|regels|bevel%|prompt%|systeemprompt%|voorschrift%)",
    ),
    ("pl_instr", "(instrukcj%|polece%|polecen%|wytyczn%|zasad%|regul%|komend%|prompt%|rozkaz%|nakaz%)"),
    (
        "ru_instr",
        "(инструкци%|указани%|команд%|правил%|директив%|распоряжени%|приказ%|промпт%|предписани%|подсказк%|ограничени%)",
    ),
    (
        "uk_instr",
        "(інструкці%|вказівк%|команд%|правил%|директив%|розпоряджен%|наказ%|промпт%|обмежен%|підказк%)",
    ),
    ("tr_instr", "(talimat%|yönerge%|kural%|komut%|emir%|emr%|prompt%|istem%|direktif%)"),
];
