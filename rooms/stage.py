"""The stage: who may be seen and heard in a session, and what each has switched on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.errors import Refused

Stage = dict[str, m.StageMember]
Event = m.StageEntered | m.StageMediaSet | m.StageLeft

MOST_ON_STAGE: Final = 24


def decide(
    stage: Stage,
    phase: m.Phase,
    actor: m.Actor,
    command: m.StageEnter | m.StageSetMedia | m.StageLeave | m.StageRemove,
    now: datetime,
) -> list[Event]:
    """Entering and leaving twice is harmless: a reconnecting browser does both."""
    match command:
        case m.StageEnter():
            return _enter(stage, phase, actor, now)
        case m.StageSetMedia(camera, microphone, screen):
            return _set_media(stage, actor.person_id, camera=camera, microphone=microphone, screen=screen)
        case m.StageLeave():
            return [m.StageLeft(actor.person_id)] if actor.person_id in stage else []
        case m.StageRemove(person_id):
            return [m.StageLeft(person_id)] if person_id in stage else []


def apply(stage: Stage, event: Event) -> Stage:
    """The stage after `event`."""
    match event:
        case m.StageEntered(person_id, at):
            return {**stage, person_id: m.StageMember(person_id, at)}
        case m.StageMediaSet(person_id, camera, microphone, screen):
            member = replace(stage[person_id], camera=camera, microphone=microphone, screen=screen)
            return {**stage, person_id: member}
        case m.StageLeft(person_id):
            return {key: member for key, member in stage.items() if key != person_id}


def _enter(stage: Stage, phase: m.Phase, actor: m.Actor, now: datetime) -> list[Event]:
    if phase not in ("backstage", "live"):
        raise Refused("session_ended" if phase == "ended" else "session_not_open")
    if actor.person_id in stage:
        return []
    if len(stage) >= MOST_ON_STAGE:
        raise Refused("too_many", most=MOST_ON_STAGE)
    return [m.StageEntered(actor.person_id, now)]


def _set_media(stage: Stage, person_id: str, *, camera: bool, microphone: bool, screen: bool) -> list[Event]:
    member = stage.get(person_id)
    if member is None:
        raise Refused("not_on_stage")
    if (member.camera, member.microphone, member.screen) == (camera, microphone, screen):
        return []
    return [m.StageMediaSet(person_id, camera=camera, microphone=microphone, screen=screen)]
