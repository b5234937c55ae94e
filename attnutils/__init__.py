"""Helpers of the book *Paying Attention*: attention in NumPy and PyTorch, small, exact and tested.

There is no facade: import from the module that holds the name, so that the import says which
file to open. Modules follow the parts of the book:

==================  ===========================================================  ==========
module              holds                                                        parts
==================  ===========================================================  ==========
``shapes``          names of the axes; the shape and dtype checks of all others  all
``seeding``         ``seed_everything``                                          all
``reference``       attention, norms and feed-forward in NumPy, with backward    1, 2, 5
``attention``       the same as functions of torch tensors                       2, 3
``masks``           causal, padding, window, prefix and block masks              2, 3
``positions``       sinusoids, learned, relative bias, ALiBi, rotary             5
``layers``          attention cores, ``MultiHeadAttention``, caches, residuals   3, 5
``recurrent``       encoder, decoders with any core, copying, pooling            3
``transformer``     config, blocks, stacks; ``gpt bert llama t5 vit``            5, 6
``training``        ``fit``, its ``History``, schedules                          3, 5
``decoding``        greedy, sampling, beams, speculation                         5
``pretrained``      ``from_huggingface``                                         6
``vision``          squeeze-and-excite, CBAM, non-local                          4
``multimodal``      cross-modal attention, fusion, contrastive loss              4
``efficient``       online softmax, tiles, windows, linear attention             7
``capture``         record, edit and roll out the weights of any model           3, 8
``plotting``        arrays and labels in, matplotlib axes out                    all
``data``            generated tasks and images; nothing is downloaded            all
``checks``          laws any attention must obey; ``claim``                      all
``grading``         ``grade``, ``hint`` and ``predict`` for the exercises        all
==================  ===========================================================  ==========

Importing ``attnutils`` imports none of them, and no torch.
"""

__version__ = "0.1.0"
