"""An MCP server over stdin and stdout; each call of its tool leaves a line in mcp.lines."""

from pathlib import Path

from mcp.server.fastmcp import FastMCP

app = FastMCP("shop")


@app.tool()
def search(query: str) -> str:
    """Looks something up."""
    with Path("mcp.lines").open("a") as lines:
        lines.write(f"tool {query}\n")
    return f"found {len(query)}"


app.run("stdio")
