"""SQuAD v1.1 and v2.0 JSON into documents and questions. Knows the format, not files."""

from typing import Any

from engine.data.formats import Unusable, as_object, kind_of, normalise
from engine.data.records import Question
from engine.data.rows import answers_of
from engine.data.shelf import Place, Shelf


def is_squad(value: Any) -> bool:
    """Whether a JSON value is laid out as SQuAD: data, articles, paragraphs."""
    articles = value.get("data") if isinstance(value, dict) else None
    return isinstance(articles, list) and any(isinstance(a, dict) and "paragraphs" in a for a in articles)


def add_squad(shelf: Shelf, articles: list[Any], file: str) -> None:
    """Add every paragraph as a document and its qas as questions; rows count paragraphs, from 1, through the
    file."""
    number = 0
    for article in articles:
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(paragraphs, list):
            shelf.reject(Place(file, number + 1), "an article without a list of paragraphs (before this one)")
            continue
        # The dataset itself writes titles as in web addresses: "Super_Bowl_50".
        title = str(article.get("title") or "").replace("_", " ").strip()
        for paragraph in paragraphs:
            number += 1
            with shelf.rejecting(Place(file, number)):
                _add_paragraph(shelf, as_object(paragraph), title, Place(file, number))


def _add_paragraph(shelf: Shelf, paragraph: dict[str, Any], title: str, place: Place) -> None:
    context = paragraph.get("context")
    if not isinstance(context, str) or not context.strip():
        raise Unusable("a paragraph without context; its questions are left out too")
    identity = shelf.number(title, place)
    document = shelf.add_document(context, title, place, identity, exact=False)
    qas = paragraph.get("qas", [])
    if not isinstance(qas, list):
        raise Unusable(f"qas holds {kind_of(qas)}, not a list")
    for qa in qas:
        with shelf.rejecting(place):
            _add_question(shelf, as_object(qa), document, context, place)


def _add_question(shelf: Shelf, qa: dict[str, Any], document: str, raw: str, place: Place) -> None:
    context = normalise(raw)
    question, identity = qa.get("question"), qa.get("id", "")
    if not isinstance(question, str) or not question.strip():
        raise Unusable("a question without text")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise Unusable(f"a question's id is {kind_of(identity)}")
    name = repr(str(identity) or question)
    try:
        answers = answers_of(qa)
    except Unusable as error:
        raise Unusable(f"question {name}: {error}") from None
    missing = [answer for answer in answers if answer not in context]
    if missing and len(missing) == len(answers):
        raise Unusable(f"question {name}: its answer {missing[0][:80]!r} does not occur in its paragraph")
    kept = tuple(answer for answer in answers if answer not in missing)
    shelf.add_question(
        Question(
            id=str(identity),
            question=normalise(question.strip()),
            answers=kept,
            document=document,
            starts=tuple(_start(answer, qa.get("answers"), context, raw) for answer in kept),
        ),
        place,
    )
    for answer in missing:
        shelf.reject(
            place, f"question {name}: answer {answer[:80]!r} is left out, it does not occur in its paragraph"
        )


def _start(answer: str, given: Any, context: str, raw: str) -> int:
    """Where `answer` begins in `context`: its occurrence nearest to the answer_start that the source gives
    (which counts characters of `raw`, newlines as they were), or the first."""
    wanted = 0
    for one in given if isinstance(given, list) else []:
        start = one.get("answer_start") if isinstance(one, dict) else None
        if isinstance(start, int) and normalise(str(one.get("text", ""))).strip() == answer:
            wanted = len(normalise(raw[: max(0, start)]))
            break
    if context.startswith(answer, wanted):
        return wanted
    before = context.rfind(answer, 0, wanted + len(answer))
    after = context.find(answer, wanted)
    return min((at for at in (before, after) if at >= 0), key=lambda at: abs(at - wanted))
