"""One call of an MCP tool within a response: its arguments, perhaps the client's approval, then what came of it.

The order is that of the Realtime reference: output_item.added, mcp_call_arguments.*, the approval request as an item,
mcp_call.in_progress, mcp_call.completed or .failed, output_item.done.
"""

from __future__ import annotations

from voxruntime.emulator.brain.items import (
    ItemStatus,
    McpApprovalItem,
    McpApprovalRequestItem,
    McpCallItem,
)
from voxruntime.emulator.brain.mcp_servers import OfferedTool
from voxruntime.emulator.brain.requests import Abandon, CallTool, Requests
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.wire import JsonObject, in_deltas


class McpCall:
    """Sends one call. `open` comes first; it is over once `is_over` says so.

    Args:
        place: `response_id` and `output_index` of its events.
        tool: What is called.
        scribe: Writes events and items.
        requests: Takes the work.
        in_conversation: Whether the call joins the conversation.
    """

    def __init__(
        self,
        place: JsonObject,
        tool: OfferedTool,
        *,
        scribe: Scribe,
        requests: Requests,
        in_conversation: bool,
    ) -> None:
        self.item = McpCallItem(scribe.new_id("mcp"), tool.server.server_label, tool.name)
        self.request_id: int | None = None
        self._place = place
        self._tool = tool
        self._scribe = scribe
        self._requests = requests
        self._in_conversation = in_conversation

    @property
    def is_over(self) -> bool:
        """Whether its item is final."""
        return self.item.status is not ItemStatus.IN_PROGRESS

    @property
    def awaits_approval(self) -> bool:
        """Whether the client has to say whether the tool may run."""
        return not self.is_over and self.request_id is None

    def open(self, arguments: str) -> None:
        """Announces the call, then asks the client for approval, or the MCP server for the result."""
        item, emit = self.item, self._scribe.emit
        emit("response.output_item.added", **self._place, item=item.wire())
        if self._in_conversation:
            self._scribe.conversation.add(item)
        called: JsonObject = {**self._place, "item_id": item.id}
        for delta in in_deltas(arguments):
            emit("response.mcp_call_arguments.delta", **called, delta=delta)
        item.arguments = arguments
        emit("response.mcp_call_arguments.done", **called, arguments=arguments)
        if not self._tool.server.needs_approval(self._tool.name):
            self._run()
            return
        request = McpApprovalRequestItem(
            self._scribe.new_id("mcp"), item.server_label, item.name, item.arguments
        )
        item.approval_request_id = request.id
        self._scribe.conversation.add(request)

    def answer(self, approval: McpApprovalItem) -> None:
        """Takes the client's answer."""
        if approval.approve:
            self._run()
        else:
            reason = f": {approval.reason}" if approval.reason else ""
            self.failed({"type": "tool_execution_error", "message": f"The call was not approved{reason}."})

    def returned(self, output: str) -> None:
        """Ends the call with what the tool returned."""
        self.item.output = output
        self._emit("completed")
        self._close(ItemStatus.COMPLETED)

    def failed(self, error: JsonObject) -> None:
        """Ends the call with an error, as `mcp_call` items show it."""
        self.item.error = error
        self._emit("failed")
        self._close(ItemStatus.COMPLETED)

    def abandon(self) -> None:
        """Ends the call as it stands."""
        if self.request_id is not None:
            self._requests.add(Abandon(self.request_id))
        self._close(ItemStatus.INCOMPLETE)

    def _run(self) -> None:
        self._emit("in_progress")
        self.request_id = self._requests.next_id()
        self._requests.add(
            CallTool(self.request_id, self._tool.server.endpoint(), self.item.name, self.item.arguments)
        )

    def _emit(self, event: str) -> None:
        index = self._place["output_index"]
        self._scribe.emit(f"response.mcp_call.{event}", output_index=index, item_id=self.item.id)

    def _close(self, status: ItemStatus) -> None:
        self.item.status = status
        if self._in_conversation:
            self._scribe.conversation.finish(self.item)
        self._scribe.emit("response.output_item.done", **self._place, item=self.item.wire())
