"""The call: its states, its codes and the interface of a leg. Pure."""
