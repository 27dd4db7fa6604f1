"""The applications that Septet is measured beside, each written as its own documentation teaches."""
