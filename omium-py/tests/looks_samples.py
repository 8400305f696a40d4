"""Classes of the user's own for the tests of looks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import omium


class Document:
    """As loaders and parsers make them."""

    def __init__(self, name: str, text: str = "") -> None:
        self.name = name
        self.text = text

    def same(self, other: Document) -> bool:
        return self.name == other.name


class Agent:
    def __init__(self, name: str, client: Any = None, api_key: str = "hunter2-secret") -> None:
        self.name = name
        self._client = client
        self.api_key = api_key
        self.asked: list[str] = []

    @cached_property
    def prompt(self) -> str:
        return f"You are {self.name}."

    @omium.step
    def ask(self, question: str) -> str:
        return f"{self.prompt} {question}"


class Node:
    def __init__(self, value: int, parent: Node | None = None) -> None:
        self.value = value
        self.parent = parent
        self.children: list[Node] = []


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self, shown: int, hidden: int) -> None:
        self.shown = shown
        self.__hidden = hidden


class Stateless:
    pass


class OnlySecret:
    def __init__(self, password: str) -> None:
        self.password = password


class Item:
    """What a secret is called in a log, things are known by in a class."""

    def __init__(self, key: str) -> None:
        self.key = key


class Named:
    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()

    def __omium_key__(self) -> Any:
        return {"number": self.number}


@dataclass
class Job:
    title: str
    client: Any = None


class Words(list):  # type: ignore[type-arg]
    def __init__(self, *words: str, language: str = "en") -> None:
        super().__init__(words)
        self.language = language
