"""One module per schema revision, named rNNNN_what; revisions are never edited once released."""
