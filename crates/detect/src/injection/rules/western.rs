//! Other languages written with spaces: the same families, shorter lists.

use super::Rule;

const ABOUT: &str = "asks to set earlier instructions aside";
const ABOUT_EXTRACT: &str = "asks for the system prompt or a kept secret";
const ABOUT_ROLE: &str = "switches the model's role, mode or rules";

pub(super) const RULES: &[Rule] = &[
    Rule::injection(
        "override.de",
        (850, 920),
        ABOUT,
        &[
            "(ignorier%|vergiss|vergessen|vergesst|missacht%|missachte|uberspring%|verwirf|verwerfen|umgeh%|beachte|befolge|befolgen|ubergeh%) (sie|bitte|jetzt|nun|nicht|einfach|mal)* (alle|alles|samtliche|die|deine|ihre|den|das|dein|ihren|meine|was|aller|jegliche|eventuelle)* ~1 (vorherig%|bisherig%|vorangegangen%|obig%|obenstehend%|fruher%|vorangehend%|vorig%|ursprunglich%|oben|zuvor|anfanglich%|deine%|davor|bestehend%|erhalten%|gegeben%) ~2 {de_instr}",
            "(vergiss|vergessen|ignoriere|ignorieren|missachte) (sie)? (jetzt|nun|bitte)? (alle|alles|deine|ihre|samtliche) (deine|ihre)? (anweisung%|instruktion%|regeln|vorgaben|auftrage|aufgaben|richtlinien|befehle|programmierung)",
            "(vergiss|vergessen|ignoriere|ignorieren) (sie)? alles (was)? ~3 (davor|zuvor|vorher|bisher|gesagt|oben|gelernt|geschrieben|gelesen|und)",
            "(abweichend|entgegen) (zu|von|der|den)? (vorherig%|bisherig%|obig%|fruher%) ~1 {de_instr}",
            "(bisherig%|vorherig%|obig%) ~1 {de_instr} ~8 (irrelevant|ungultig|aufgehoben|vergessen|ignorieren|nicht mehr|hinfallig)",
            "(neue|neuer|deine neue|jetzt kommt eine neue|neuen) (aufgabe|anweisung|anweisungen|auftrag|instruktion) (zeige|sende|gib|schreibe|losche|verrate|antworte|du|nenne|sage|uberweise|offenbare|schicke|lautet|ist)",
            "(konzentriere|konzentrieren|fokussiere) (dich|sie)? (sich)? (jetzt|nun|nur)* auf (deine|ihre|diese|die) (neue)? (aufgabe|anweisung|auftrag)",
            "(folge|befolge|beachte) (nicht|keinen|nie) (mehr)? (den|die|deinen)? (vorherigen|bisherigen|obigen) {de_instr}",
        ],
    ),
    Rule::injection(
        "extract.de",
        (620, 720),
        ABOUT_EXTRACT,
        &[
            "(zeig%|gib|nenn%|verrat%|offenbar%|wiederhol%|druck%|schreib%|teile|schick%|ubersetz%|sag%|fasse|liste|sende|geben) ~4 (systemprompt%|system prompt%|systemnachricht%|systemanweisung%|prompt text%|deine anweisungen|ihre anweisungen|deine instruktionen|initialen prompt|geheime passwort|geheimen schlussel|prompt texte|vorherigen anweisungen|anweisungen oben|geheimes passwort|deinen prompt|dein prompt)",
            "(was|wie) (ist|sind|lautet|lauten|war) (dein|deine|der|ihr|ihre|das) (systemprompt|geheim% ~1|anweisung%|anfangliche%|ursprungliche%|system prompt) ",
        ],
    ),
    Rule::injection(
        "role.de",
        (560, 700),
        ABOUT_ROLE,
        &[
            "(du bist|sie sind|sie befinden sich) (jetzt|nun|ab sofort) (im|in einem) (wartungsmodus|entwicklermodus|debug modus|administratormodus|jailbreak modus|admin modus)",
            "(ab sofort|ab jetzt|von nun an) ~3 (keine|ohne) (regeln|einschrankungen|beschrankungen|richtlinien|filter)",
            "(ohne|keine) (ethischen|moralischen|ethische|moralische) (einschrankungen|beschrankungen|richtlinien|grenzen|regeln|bedenken)",
            "(informiere|benachrichtige|sage|erzahle|erwahne|sag) ~3 (den benutzer|dem benutzer|dem nutzer|den nutzer|gegenuber dem benutzer) ~3 (nicht|nichts)",
            "(wichtige nachricht|wichtiger hinweis|hinweis|nachricht|achtung) (an|fur) (den|die|das|alle) (assistenten|ki%|ai%|sprachmodell%|agent%)",
            "(als|an) (ki|ki assistent|ki agent|assistent) (musst|sollst|mussen|sollen) (du|sie)",
        ],
    ),
    Rule::injection(
        "override.fr",
        (850, 920),
        ABOUT,
        &[
            "(ignor%|oubli%|neglig%|abandonn%|contourn%|annul%|ne suis pas|ne suivez pas|ne tenez pas compte de%|ne tiens pas compte de%|fais abstraction|faites abstraction|ne respecte% plus) (s il vous plait|maintenant|donc|simplement|de)* (toutes|tous|tout|les|tes|vos|des|ces|la|le|l|mes|d)* ~1 {fr_instr} ~3 (precedent%|anterieur%|ci dessus|ci avant|initial%|qui precede%|recu%|donnee%|du dessus|systeme|d avant|plus haut|au dessus)",
            "(ignor%|oubli%|annul%) (toutes|tous) (les|tes|vos) (precedent%|anterieur%)? {fr_instr}",
            "(ignor%|oubli%) (les|tes|vos|toutes|toutes tes|toutes vos)* (precedent%|anterieur%) {fr_instr}",
            "(oublie|oubliez|ignore|ignorez) (tes|vos|toutes tes|toutes vos) (instructions|consignes|directives|regles|contraintes)",
            "(oublie|oubliez|ignore|ignorez) (tout)? (ce qui|tout ce qui|tout ce que) ~3 (precede|dit|ecrit|avant|dessus|appris)",
            "(nouvelle|nouvelles|votre nouvelle|ta nouvelle) (tache|instruction|instructions|consigne|mission) (est|montre%|envoie%|affiche%|revele%|supprime%|donne%|dis|dites|ecris|transfere%|repond%)",
        ],
    ),
    Rule::injection(
        "extract.fr",
        (620, 720),
        ABOUT_EXTRACT,
        &[
            "(montre%|affiche%|revele%|donne%|repete%|ecri%|imprime%|divulgue%|partage%|dis moi|dites moi|envoie%|quel est|quelle est|quelles sont|tradui%) ~4 (prompt systeme|invite systeme|message systeme|instructions systeme|prompt du systeme|tes instructions|vos instructions|prompt initial|prompt complet|invite complete|instructions initiales|prompt d origine|mot de passe secret|cle secrete|instructions precedentes)",
        ],
    ),
    Rule::injection(
        "role.fr",
        (560, 700),
        ABOUT_ROLE,
        &[
            "(tu es|vous etes) (maintenant|desormais|a present) (en|dans le) mode (maintenance|developpeur|debug|administrateur|debogage|sans restriction%|dan)",
            "(sans|aucune|n as aucune|pas de) (restriction%|limite%|contrainte%) (ethique%|morale%|de contenu)",
            "(ne|sans) (dis|dites|mentionne%|informe%|previen%|le dire|parle%|en parler|avertir|informer|prevenir) (pas|rien|jamais|de|le|cela|ceci|a|l)* (l)? (utilisateur|usager|client)",
            "(message|note|attention|instruction) ~1 (important%)? (pour|aux|a l attention de|destine%) (l|les|a|aux)* (assistant%|ia|agent% ia|modele% de langage|agents d ia|agent)",
            "en tant qu (assistant|ia|agent) ~2 (tu dois|vous devez)",
        ],
    ),
    Rule::injection(
        "override.es",
        (850, 920),
        ABOUT,
        &[
            "(ignor%|olvid%|desatiend%|descart%|omit%|haz caso omiso|no sigas|no hagas caso|deja de seguir|desestim%|elimin%|anul%) (por favor|ahora|simplemente|de|a)* (todas|todo|todos|las|tus|sus|los|la|cualquier|el|mis|a|estas)* ~1 {es_instr} ~3 (anterior%|previas|previos|previa|previo|de arriba|arriba|inicial%|recibid%|dad%|precedent%|que recibiste|de antes|del sistema|que te dieron|existent%)",
            "(ignor%|olvid%|descart%) (todas|todos|todas las|todos los|las|los|tus|sus|todas tus|todas sus)* (anterior%|previas|previos|previa|previo) {es_instr}",
            "(ignor%|olvid%|descart%) (de)? (todas tus|todas sus|tus|todas las|tus propias) (instrucciones|reglas|directrices|restricciones|normas|indicaciones)",
            "(olvida|olvide|ignora|ignore) (todo)? (lo|todo lo) (anterior|que) ~3 (dicho|dije|antes|y|aprendid%|arriba|te)?  (y|arriba|antes|anterior|dicho|dije|di|dime|escribe)",
            "(nueva|tu nueva|su nueva) (tarea|instruccion|orden|mision) (es|muestra|envia|revela|borra|di|elimina|transfiere|responde|muestre|envie)",
        ],
    ),
    Rule::injection(
        "extract.es",
        (620, 720),
        ABOUT_EXTRACT,
        &[
            "(muestr%|revel%|imprim%|repit%|escrib%|dime|diga%|compart%|da me|dame|deme|cual es|cuales son|devuelv%|divulg%|traduc%|ensena%|proporcion%) ~4 (prompt del sistema|prompt de sistema|mensaje del sistema|instrucciones del sistema|indicaciones del sistema|tus instrucciones|sus instrucciones|prompt inicial|prompt completo|instrucciones iniciales|instrucciones originales|contrasena secreta|clave secreta|instrucciones anteriores|prompt original|tu prompt)",
        ],
    ),
    Rule::injection(
        "role.es",
        (560, 700),
        ABOUT_ROLE,
        &[
            "(ahora estas|estas ahora|ahora te encuentras|entra|entras|activa) (en)? (el)? modo (de)? (mantenimiento|desarrollador|depuracion|administrador|dan|sin restricciones|jailbreak)",
            "(sin|ninguna|no tienes|no tiene) (ninguna|restricciones|limites|limitaciones) (etic%|moral%|de contenido|restriccion)",
            "(no|sin) (le)? (digas|diga|menciones|mencione|informes|informe|avises|decir|mencionar|informar|reveles|cuentes|avisar) (nada|esto|se lo|lo|de|a|al|sobre|se)* (usuario|cliente|humano)",
            "(mensaje|nota|atencion|aviso|instruccion%) ~1 (importante)? (para|al|a) (el|la|los|todos los)? (asistente%|ia|agente%|modelo% de lenguaje|agentes de ia)",
            "como (asistente|ia|agente|asistente de ia) (tu|usted)? (debes|debe|tienes que)",
        ],
    ),
    Rule::injection(
        "override.pt",
        (850, 920),
        ABOUT,
        &[
            "(ignor%|esquec%|desconsider%|desprez%|descart%|nao siga|pare de seguir|deixe de seguir|anul%|cancel%) (por favor|agora|simplesmente|de|se de)* (todas|todos|tudo|as|os|suas|seus|tuas|a|o|de|quaisquer)* ~1 {pt_instr} ~3 (anterior%|previas|previos|previa|previo|acima|inicia%|recebid%|dad%|precedent%|que recebeu|do sistema|existent%)",
            "(ignor%|esquec%|desconsider%) (todas|as|suas|tuas|todas as|todas as suas)* (anterior%|previas|previos|previa|previo) {pt_instr}",
            "(ignor%|esquec%|desconsider%) (de)? (todas)? (as)? (suas|tuas) (propria%)? (instrucoes|regras|diretrizes|orientacoes|restricoes)",
            "(esqueca|ignore|esquece|ignora) tudo (o)? (que|acima|anterior) ~3 (disse|antes|acima|aprendeu|dito|e|anterior)",
            "(nova|sua nova|tua nova) (tarefa|instrucao|missao|ordem) (e|mostre|envie|revele|apague|exclua|diga|mostra|envia|transfira|responda)",
        ],
    ),
    Rule::injection(
        "extract.pt",
        (620, 720),
        ABOUT_EXTRACT,
        &[
            "(mostr%|revel%|imprim%|repit%|escrev%|diga%|compartilh%|me de|forneca%|qual e|quais sao|exib%|divulg%|traduz%|envi%) ~4 (prompt do sistema|prompt de sistema|mensagem do sistema|instrucoes do sistema|suas instrucoes|tuas instrucoes|prompt inicial|prompt completo|instrucoes iniciais|instrucoes originais|senha secreta|chave secreta|instrucoes anteriores|seu prompt)",
        ],
    ),
    Rule::injection(
        "role.pt",
        (560, 700),
        ABOUT_ROLE,
        &[
            "(agora voce esta|voce esta agora|voce agora esta|agora estas|entre) (em|no) modo (de)? (manutencao|desenvolvedor|depuracao|administrador|dan|sem restricoes)",
            "(nao|sem) (conte|diga|mencione|informe|avise|contar|dizer|mencionar|informar|avisar|revele) (nada|isso|isto|ao|o|sobre|a|para)* (usuario|utilizador|cliente)",
            "(mensagem|nota|atencao|aviso) ~1 (importante)? (para|ao|a) (o|os|todos os)? (assistente%|ia|agente%|modelo% de linguagem)",
            "como (assistente|ia|agente|assistente de ia) (voce)? (deve|precisa|tem de)",
        ],
    ),
    Rule::injection(
        "override.it",
        (850, 920),
        ABOUT,
        &[
            "(ignor%|dimentic%|trascur%|tralasci%|scord%|non seguire|smetti di seguire|annull%|non considerare) (per favore|ora|adesso|semplicemente)* (tutte|tutto|tutti|le|i|tue|sue|gli|la|qualsiasi|l)* ~1 {it_instr} ~3 (precedent%|sopra|di cui sopra|inizial%|ricevut%|fornit%|dat%|anterior%|di sistema|esistent%)",
            "(ignor%|dimentic%) (tutte|le|tutte le|tue|tutti i|gli)* (precedent%|anterior%) {it_instr}",
            "(ignor%|dimentic%) (tutte)? (le)? (tue|sue|vostre) (istruzioni|regole|direttive|linee guida|restrizioni)",
            "(nuovo|il tuo nuovo|nuova|la tua nuova) (compito|incarico|istruzione|missione) (e|mostra|invia|rivela|elimina|cancella|di|trasferisci|rispondi)",
            "(dimentica|ignora) tutto (cio|quello|quanto) ~3 (detto|prima|sopra|imparato|scritto)",
        ],
    ),
    Rule::injection(
        "extract.it",
        (620, 720),
        ABOUT_EXTRACT,
        &[
            "(mostr%|rivel%|stamp%|ripet%|scriv%|dimmi|condivid%|dammi|forniscimi|qual e|quali sono|divulg%|traduc%|visualizz%|fornisci) ~4 (prompt di sistema|prompt del sistema|messaggio di sistema|istruzioni di sistema|tue istruzioni|prompt iniziale|prompt completo|istruzioni iniziali|istruzioni originali|password segreta|chiave segreta|istruzioni precedenti|tuo prompt)",
        ],
    ),
    Rule::injection(
        "role.it",
        (560, 700),
        ABOUT_ROLE,
        &[
            "(ora sei|sei ora|adesso sei|entra) (in|nella)? (modalita) (di)? (manutenzione|sviluppatore|debug|amministratore|dan|senza restrizioni)",
            "(non|senza) (dire|dirlo|menzionare|menzionarlo|informare|avvisare|rivelare|riferire) (nulla|niente|questo|a|all|l|ne|cio)* (utente|cliente)",
            "(messaggio|nota|attenzione|avviso) ~1 (importante)? (per|all|agli|a) (l|gli|tutti gli)? (assistent%|ia|ai|agent%|modell% linguistic%)",
            "come (assistente|ia|agente|assistente ai) ~1 (devi|deve)",
        ],
    ),
    Rule::injection(
        "override.nl",
        (850, 920),
        ABOUT,
        &[
            "(negeer|vergeet|negeren|vergeten|sla|omzeil|veronachtzaam|volg niet) (alsjeblieft|nu|gewoon|alle|al|de|je|jouw|uw|alles|eventuele)* ~1 (vorige|eerdere|voorgaande|bovenstaande|voorafgaande|oorspronkelijke|initiele|eerder|bestaande|gegeven) ~1 {nl_instr}",
            "(negeer|vergeet) (al|alle)? (je|jouw|uw) (regels|instructies|richtlijnen|opdrachten|programmering)",
            "(negeer|vergeet) alle (instructies|regels|richtlijnen|aanwijzingen)",
            "(negeer|vergeet) alles (wat)? ~3 (hiervoor|hierboven|gezegd|eerder|geleerd)",
            "(nieuwe|je nieuwe|jouw nieuwe) (taak|opdracht|instructie|instructies) (is|toon|stuur|verwijder|onthul|zeg|geef|maak|antwoord)",
            "(toon|laat|geef|onthul|herhaal|print|schrijf|vertel|deel|wat is|wat zijn) ~4 (systeemprompt|systeem prompt|systeeminstructies|systeembericht|jouw instructies|je instructies|geheime wachtwoord|geheime sleutel)",
            "(je bent nu|u bent nu|je bevindt je nu) in (de)? (onderhoudsmodus|ontwikkelaarsmodus|debugmodus|beheerdersmodus)",
            "(zonder|vertel|meld|zeg) ~3 (de gebruiker|aan de gebruiker) (niet|niets|te informeren|te vertellen|hier niets)",
        ],
    ),
    Rule::injection(
        "override.pl",
        (850, 920),
        ABOUT,
        &[
            "(zignoruj|ignoruj|zapomnij|pomin|zapomniec|nie zwracaj uwagi na|zlekcewaz|pomijaj|odrzuc|zignorowac) (prosze|o|teraz|wszystkie|wszystkich|wszystko|swoich|swoje|twoje|twoich|cale)* (poprzedni%|wczesniejsz%|powyzsz%|dotychczasow%|pierwotn%|poczatkow%|otrzyman%|swoich|swoje|wszystkich|wszystkie) (swoich|swoje)? {pl_instr}",
            "(zapomnij|zignoruj) (o)? (wszystkim|wszystko) co ~3 (wczesniej|powyzej|napisano|powiedziano)",
            "(nowe|twoje nowe) (zadanie|polecenie|instrukcje) (pokaz|wyslij|usun|ujawnij|napisz|powiedz|to|przelej|odpowiedz|wypisz)",
            "(pokaz|ujawnij|wypisz|podaj|powtorz|wyswietl|zdradz|napisz) ~4 (prompt systemowy|monit systemowy|instrukcje systemowe|wiadomosc systemowa|swoje instrukcje|tajne haslo|systemowego|tajny klucz|caly prompt)",
            "(jestes teraz|teraz jestes) w trybie (konserwacji|programisty|deweloperskim|debugowania|administratora|serwisowym)",
            "(nie mow|nie informuj|nie wspominaj|bez informowania) ~3 (uzytkownik%|klient%)",
        ],
    ),
    Rule::injection(
        "override.ru",
        (850, 920),
        ABOUT,
        &[
            "(игнорируй%|проигнорируй%|забудь%|забыть|отбрось%|не следуй%|пренебреги%|не обращай% внимания на|отмени%|удали|сбрось%|обойди%) (пожалуйста|теперь|просто|все|всё|о|обо|про|об|всех|свои|твои|ваши|эти)* (предыдущ%|прошл%|прежн%|вышеуказанн%|вышеприведенн%|вышеприведённ%|выше|ранее|предшеств%|исходн%|изначальн%|начальн%|системн%|полученн%|данн%|свои|своих|твои|ваши|всех|все|всё) ~1 {ru_instr}",
            "(забудь%|игнорируй%|проигнорируй%) (все|всё|о всем|обо всем|обо всём)? (что)? ~2 (выше|ранее|раньше|до этого|сказано|написано|предыдущее)",
            "(новая|новое|твоя новая|ваша новая|твоё новое) (задача|задание|инструкция|указание) (покажи|отправь|удали|раскрой|напиши|скажи|переведи|сообщи|ответь|выведи|это)",
            "(покажи%|раскрой%|выведи%|повтори%|напиши%|сообщи%|скажи%|назови%|отобрази%|переведи%|какой|каков|какие) ~4 (системный промпт|системную подсказку|системное сообщение|системный запрос|системные инструкции|свои инструкции|твои инструкции|секретный пароль|секретный ключ|системного промпта|начальные инструкции|начальный промпт|твой секретный|ваш секретный)",
            "(ты теперь|теперь ты|вы теперь|теперь вы) (находишься|находитесь|работаешь)? в режиме (обслуживания|разработчика|отладки|администратора|dan|без ограничений)",
            "(не говори%|не сообщай%|не упоминай%|не рассказывай%|не информируй%) ~3 (пользовател%|клиент%)",
            "(сообщение|внимание|инструкция|примечание) ~1 (важно%)? (для) ~1 (ии|ассистент%|агент%|ai|llm|языков%)",
        ],
    ),
    Rule::injection(
        "override.uk",
        (850, 920),
        ABOUT,
        &[
            "(ігноруй%|проігноруй%|забудь%|відкинь%|не зважай% на|знехтуй%|скасуй%|не дотримуй%) (будь ласка|тепер|просто|усі|всі|про|усе|все|свої|твої|ваші|ці)* (попередн%|минул%|вищезазначен%|вищенаведен%|вище|раніше|початков%|системн%|отриман%|наведен%|свої|твої|ваші|усі|всі) ~1 {uk_instr}",
            "(нове|твоє нове|ваше нове|нова) (завдання|інструкція|задача) (покажи|надішли|видали|розкрий|напиши|скажи|це|перекажи|виведи)",
            "(покажи%|розкрий%|виведи%|повтори%|напиши%|назви%|повідом%) ~4 (системний промпт|системну підказку|системне повідомлення|системні інструкції|свої інструкції|секретний пароль|таємний пароль|секретний ключ)",
            "(ти тепер|тепер ти|ви тепер|тепер ви) (перебуваєш)? (в|у) режимі (обслуговування|розробника|налагодження|адміністратора)",
            "(не кажи|не повідомляй|не згадуй|не говори) ~3 (користувач%|клієнт%)",
        ],
    ),
    Rule::injection(
        "override.tr",
        (850, 920),
        ABOUT,
        &[
            "(önceki|yukarıdaki|daha önceki|bundan önceki|bütün|tüm|eski|evvelki|geçmiş|kendi|verilen|sistem) (tüm|bütün|önceki|sistem|verilen)* {tr_instr} ~2 (unut%|yok say%|görmezden gel%|dikkate alma%|göz ardı et%|boşver%|geçersiz%|iptal et%|yoksay%|ihmal et%|uyma|atla%|bırak%)",
            "(kurallarını|talimatlarını|yönergelerini|kurallarınızı|talimatlarınızı) ~2 (unut%|yok say%|görmezden gel%|dikkate alma%|göz ardı et%|yoksay%|bypass%)",
            "(yeni görev|yeni görevin|yeni talimat|yeni talimatlar) (sistem|tüm|gizli|müşteri|bütün|şu|bana|kullanıcı%|şifre%|parola%|dosya%)",
            "(sistem istemini|sistem promptunu|sistem mesajını|sistem talimatlarını|gizli parolayı|gizli şifreyi|sistem komutunu|sistem prompt) ~3 (göster%|yaz%|söyle%|ver%|açıkla%|paylaş%|yazdır%|tekrarla%|ifşa%|u yaz)",
            "(artık|şimdi|şu anda) (bakım|geliştirici|hata ayıklama|yönetici|debug) modunda%",
            "(kullanıcıya|müşteriye) ~2 (söyleme|bahsetme|bildirme|haber verme|gösterme)",
        ],
    ),
];
