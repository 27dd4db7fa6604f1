"""What the systems stand on: an embedded engine and one that scales, behind one Protocol each."""
