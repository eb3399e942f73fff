"""What is said at the demonstration: the moderator's polls and the hall's questions, in Swedish."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class PollText(Struct, frozen=True):
    title: str
    options: tuple[str, ...]
    anonymous: bool


POLLS: Final = (
    PollText(
        "Vilken fråga tar mest av din tid just nu?",
        ("Ekonomi", "Kompetensförsörjning", "Beredskap", "Samspelet med politiken", "Något annat"),
        False,
    ),
    PollText(
        "Hur rustad är din kommun för en längre kris?",
        ("Väl rustad", "Ganska väl", "Delvis", "Dåligt"),
        True,
    ),
    PollText(
        "Delar ni redan tjänster med en grannkommun?",
        ("Ja, flera", "Ja, någon", "Vi planerar för det", "Nej"),
        False,
    ),
    PollText(
        "Hur ser du på din egen arbetsbelastning?",
        ("Hållbar", "Hållbar för det mesta", "Ofta för hög", "Inte hållbar"),
        True,
    ),
    PollText(
        "Var gör AI störst nytta hos er om två år?",
        ("Handläggning", "Vård och omsorg", "Skola", "Ledning och styrning", "Vet inte"),
        False,
    ),
    PollText(
        "Har du stöd nog från nämnder och kommunstyrelse för svåra beslut?",
        ("Ja", "Oftast", "Sällan", "Nej"),
        True,
    ),
    PollText(
        "Vad vill du ha mer av på nästa konferens?",
        ("Kunskapspass", "Samtal i små grupper", "Besök från staten", "Internationella utblickar"),
        False,
    ),
    PollText(
        "Vilket samarbete saknar du mest?",
        ("Med regionen", "Med grannkommuner", "Med staten", "Med näringslivet", "Med civilsamhället"),
        False,
    ),
    PollText(
        "Skulle du söka tjänsten igen i dag?",
        ("Ja, absolut", "Förmodligen", "Tveksamt", "Nej"),
        True,
    ),
    PollText(
        "Hur länge har du varit kommundirektör?",
        ("Under två år", "Två till fem år", "Sex till tio år", "Längre"),
        False,
    ),
)

QUESTIONS: Final = (
    "Hur får vi med oss politiken i beslut som märks först om tio år?",
    "Vilka tjänster kan mindre kommuner dela på utan att tappa närheten till invånarna?",
    "Hur gör ni när ingen söker tjänsterna i hemtjänsten?",
    "Vad är det första du skulle sluta med om du började om i en ny kommun?",
    "Hur håller ni ihop ledningsgruppen när besparingarna drar åt olika håll?",
    "Finns det exempel där AI verkligen har frigjort tid, inte bara flyttat den?",
    "Hur förbereder ni er för ett läge med långvarigt elavbrott?",
    "Kan vi få ta del av bilderna efteråt?",
    "Vad kan vi lära av de norska kommunerna om interkommunalt samarbete?",
    "Hur ser en bra överlämning ut mellan en avgående och en ny kommundirektör?",
    "Hur mäter ni om invånarna har fortsatt förtroende för kommunen?",
    "Vad är rimligt att kräva av staten när uppdragen blir fler men inte pengarna?",
    "Hur arbetar ni med trygghet för förtroendevalda och tjänstepersoner?",
    "Vilket stöd hade du själv behövt under ditt första år?",
    "Hur skapar ni en gemensam bild av läget mellan förvaltningarna?",
    "Går det att kombinera tillitsbaserad styrning med hårda besparingar?",
    "Hur gör ni för att behålla era chefer mer än tre år?",
    "Vad händer med skolorna på landsbygden när barnkullarna minskar?",
    "Hur stor del av investeringarna kan vi skjuta upp utan att skulden bara växer?",
    "Hur involverar ni unga i de långsiktiga planerna?",
    "Vem äger frågan om digital infrastruktur i er organisation?",
    "Hur gör vi den nära vården verklig tillsammans med regionen?",
    "Vilka kompetenser tror du att vi saknar om fem år som vi inte ser i dag?",
    "Hur håller man samtalet vid liv med politiken mellan nämndmötena?",
    "Har någon erfarenhet av att dela jurist eller säkerhetsskyddschef mellan kommuner?",
    "Vad är viktigast att öva på inför nästa kris?",
    "Hur kan länsnätverket bli till större nytta för de minsta kommunerna?",
    "Hur får vi ner sjuktalen utan att bara skriva nya policyer?",
    "Vilken roll ska kommundirektören ha i den offentliga debatten?",
    "Hur gör ni upp om gränsen mellan politik och förvaltning i praktiken?",
    "Vad skulle du vilja att föreningen drev hårdare?",
    "Hur ser er plan ut om två kommuner i länet inte klarar sitt uppdrag?",
)

# What a moderator takes off the list: it is answered on the side.
ASIDES: Final = (
    "Hör ni mig?",
    "Var hittar jag länken till eftermiddagens pass?",
    "När är det lunch?",
)

COMMENTS: Final = (
    "Mycket bra blandning av kunskap och samtal.",
    "Gärna längre tid i de små grupperna.",
    "Tempot var högt på förmiddagen, men innehållet höll.",
    "Bra att kunna ställa frågor under hela passet.",
    "Jag saknade exempel från de minsta kommunerna.",
    "Tekniken fungerade hela dagen. Tack!",
)
