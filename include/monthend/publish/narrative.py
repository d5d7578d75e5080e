"""What is said to a board of its priorities in words; two of them have words alone."""

from collections.abc import Iterator

from monthend.plan.declarations import Board
from monthend.publish import words
from monthend.publish.book import Column, Sheet, Table
from monthend.publish.material import Material


def narrative_sheet(material: Material, board: Board) -> Iterator[Sheet]:
    """A row a priority that has words for this board and, while words are due, each that the board has none of."""
    feed = material.declarations.feeds["narrative"]
    expected = board.narratives if feed.in_force(feed.newest_period(material.month)) else ()
    given = {each.priority: each for each in material.narratives if each.board == board.board}
    priorities = [priority for theme in material.declarations.plan.themes for priority in theme.priorities]
    rows: list[tuple[str, ...]] = []
    for priority in (each for each in priorities if each.in_force(material.month)):
        said, label = given.get(priority.priority), f"{priority.priority} {priority.title}"
        if said:
            rows.append((label, said.text, said.author_role, words.of_day(said.written_on)))
        elif priority.priority in expected:
            rows.append((label, "[x]", "[z]", "[z]"))
    if rows:
        yield Sheet(
            "narrative",
            "In words: priorities of the plan",
            ("For some priorities the plan cites no measure. They stay in view in words.",),
            Table(
                "narrative",
                (
                    Column("Priority", "text", width=36),
                    Column("What is said", "text", width=70),
                    Column("Written by (role)", "text"),
                    Column("Written on", "text"),
                ),
                tuple(rows),
            ),
        )
