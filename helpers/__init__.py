"""What the chapters build, and then import. Each file is one idea; read them in this order.

tensor        an array that remembers how it was made, and `backward` (chapter 2)
functional    softmax, cross-entropy, layer norm, GELU: the fused operations (chapters 3 and 6)
layers        `Module`, `Linear`, `Embedding`, `LayerNorm`, `MLP` (chapter 6)
attention     masks, attention, and the cache of keys and values (chapter 5)
gpt           the GPT (chapter 6)
llama         the block that current models use: RMSNorm, RoPE, SwiGLU, grouped queries (chapter 11)
seq2seq       the encoder-decoder transformer (chapter 9)
tokenizers    characters, words, and byte-pair encoding, and a real model's tokenizer (chapters 4 and 11)
data          Shakespeare's plays, dates, number words, and capitals
poems         a grammar that writes poems, and its judge (chapter 8)
sampling      temperature, top-k, top-p, min-p, greedy, and beam search (chapter 7)
training      AdamW, batches, and the training loop (chapters 2 and 6)
runs          a training run you can pause, step, and rewind (chapter 6)
parallel      splits a batch across cores; nothing else knows about it
checkpoints   a model in a safetensors file, and back
models        the models that ship with the book
pretrained    SmolLM2, a real language model: downloaded, decoded, and asked (chapter 11)
plots         arrays in, Matplotlib `Axes` out
"""
