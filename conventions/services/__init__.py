"""Acts on conventions, one function per verb, by noun: batches, writing, signing, payments."""
