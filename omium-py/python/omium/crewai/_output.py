"""The outcome of a task, as plain data and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.exceptions import InvalidInput, NotSerializable

if TYPE_CHECKING:
    from omium import codec
    from omium.runtime._place import Place

__all__ = ["dump", "load"]


def dump(place: Place, output: Any) -> codec.Blob:
    """Everything but the class of its model, which is the task's own when it is read."""
    plain = {name: getattr(output, name) for name in type(output).model_fields if name not in ("pydantic", "messages")}
    plain["output_format"] = output.output_format.value
    plain["tool_failures"] = [each.model_dump(mode="json") for each in plain.get("tool_failures", ())]
    plain["messages"] = _plain(output.messages)
    if output.pydantic is None:
        return place.encode(plain)
    try:
        return place.encode({**plain, "pydantic": output.pydantic.model_dump()})
    except NotSerializable:
        return place.encode({**plain, "pydantic": output.pydantic.model_dump(mode="json")})


def load(task: Any, value: Any, agent: Any) -> Any:
    """The TaskOutput of a task; `value` may also be the text an edit put in its place."""
    from crewai.tasks.task_output import TaskOutput

    if isinstance(value, TaskOutput):
        return value
    if isinstance(value, str):
        return _edited(task, value, agent)
    if not isinstance(value, dict):
        raise InvalidInput(f"the output of a task is its text or a TaskOutput, not {type(value).__name__}")
    known = {name: item for name, item in value.items() if name in TaskOutput.model_fields}
    if known.get("pydantic") is not None:
        known["pydantic"] = _model(task).model_validate(known["pydantic"])
    return TaskOutput(**known)


def _edited(task: Any, raw: str, agent: Any) -> Any:
    from crewai.tasks.task_output import TaskOutput

    fields: dict[str, Any] = {}
    kind = task.output_pydantic or task.output_json
    if kind is not None:
        try:
            model = kind.model_validate_json(raw)
        except ValueError as error:
            raise InvalidInput(f"the edited output of {_label(task)} is no {kind.__name__}: {error}") from None
        fields = {"pydantic": model} if task.output_pydantic else {"json_dict": model.model_dump()}
    return TaskOutput(
        name=task.name or task.description,
        description=task.description,
        expected_output=task.expected_output,
        raw=raw,
        agent=agent.role,
        output_format=task._get_output_format(),
        **fields,
    )


def _model(task: Any) -> Any:
    if task.output_pydantic is None:
        raise InvalidInput(
            f"{_label(task)} recorded a model and has no output_pydantic now: put it back, or roll back to before it"
        )
    return task.output_pydantic


def _label(task: Any) -> str:
    return f"task {task.name or task.description[:60]!r}"


def _plain(value: Any) -> Any:
    """What a provider's own objects in a message come to as data."""
    if value is None or isinstance(value, (str, int, float, bool, bytes)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return str(value)
