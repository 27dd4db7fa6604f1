"""Identity: who is asking, and what they may do. `README.md` beside this file says what it promises."""
