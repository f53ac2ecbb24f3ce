"""Drives a running worker through its contract, knowing nothing of it but the documentation.

Usage: contract.py WS_URL CAMERA_URL MODEL_URL SCHEMA

Needs the packages websockets and jsonschema. Whatever the worker says must be valid by the schema.
"""

import asyncio
import json
import sys

import jsonschema
import websockets

PATIENCE = 60


class Client:
    def __init__(self, socket, schema):
        self.socket = socket
        schema = dict(schema, oneOf=[{"$ref": "#/$defs/FromWorker"}])
        self.validator = jsonschema.Draft202012Validator(schema)

    async def say(self, kind, payload=None, **fields):
        message = {"type": kind, **fields}
        if payload is not None:
            message["payload"] = payload
        await self.socket.send(json.dumps(message))

    async def wait_for(self, what, wanted):
        """The next message that is as wanted; all of them must be valid."""

        async def search():
            while True:
                message = json.loads(await self.socket.recv())
                self.validator.validate(message)
                if wanted(message):
                    print("ok:", what)
                    return message

        return await asyncio.wait_for(search(), PATIENCE)

    async def error(self, code):
        return await self.wait_for(
            code, lambda m: m["type"] == "error" and m["code"] == code
        )


def entries(message):
    if message["type"] != "stateReport":
        return None
    return sorted(e["subscriptionIdentifier"] for e in message["cameraConnections"])


async def main(worker, camera, model, schema):
    with open(schema, encoding="utf-8") as file:
        schema = json.load(file)

    def subscription(identifier, **more):
        return {
            "subscriptionIdentifier": identifier,
            "rtspUrl": camera,
            "modelUrl": model,
            "modelId": 7,
            "modelName": "Colours",
            **more,
        }

    async with websockets.connect(worker) as socket:
        client = Client(socket, schema)
        await client.wait_for("a report at once", lambda m: entries(m) == [])

        await client.say("setSessionId", {"displayIdentifier": "gate", "sessionId": 10001})
        await client.say(
            "setProgressionStage",
            {"displayIdentifier": "gate", "progressionStage": "car_wait_staff"},
        )
        await client.say("subscribe", subscription("gate;cam"))
        seen = await client.wait_for(
            "a detection with its session",
            lambda m: m["type"] == "imageDetection" and m.get("sessionId") == 10001,
        )
        assert seen["data"]["modelId"] == 7, seen
        await client.say("requestState")
        await client.wait_for(
            "a report that it runs",
            lambda m: entries(m) == ["gate;cam"]
            and m["cameraConnections"][0]["state"] == "running",
        )

        await client.say("patchSession", {"sessionId": 10001, "data": {"plate": "XY-1"}})
        await client.wait_for(
            "a patch is merged", lambda m: m["type"] == "patchSessionResult" and m["success"]
        )
        await client.say("patchSession", {"sessionId": 10002, "data": {}})
        await client.wait_for(
            "a patch of an unknown session is not",
            lambda m: m["type"] == "patchSessionResult" and not m["success"],
        )

        await socket.send("{")
        await client.error("invalid_message")
        await socket.send(b"\x00\x01")
        await client.error("invalid_message")
        await client.say("subscribe", subscription("gate;bad", rtspUrl="rtsp://169.254.169.254/"))
        await client.error("forbidden_url")
        await client.say("unsubscribe", {"subscriptionIdentifier": "nobody"})
        await client.error("unknown_subscription")

        wanted = [subscription("gate;cam"), subscription("office;cam", cropX1=0, cropY1=0,
                                                         cropX2=300, cropY2=200)]
        await client.say("setSubscriptionList", subscriptions=wanted)
        both = ["gate;cam", "office;cam"]
        await client.wait_for("a list adds", lambda m: entries(m) == both)
        await client.say("setSubscriptionList", {"subscriptions": wanted[::-1] + [{}]})
        await client.error("invalid_message")
        await client.say("requestState")
        await client.wait_for("a wrong list changes nothing", lambda m: entries(m) == both)

        async with websockets.connect(worker) as other:
            second = Client(other, schema)
            await second.say("subscribe", subscription("gate;cam", modelName="Others"))
            await second.error("conflict")

        await client.say("setSubscriptionList", subscriptions=[])
        await client.wait_for("an empty list ends all", lambda m: entries(m) == [])
        await client.say("setSessionId", {"displayIdentifier": "gate", "sessionId": None})
    print("the contract holds")


asyncio.run(main(*sys.argv[1:]))
