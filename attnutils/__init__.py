"""Helpers of the book *Paying Attention*: attention in NumPy and PyTorch, small, exact and tested.

There is no facade: import from the module that holds the name, so that the import says which
file to open. Modules follow the parts of the book:

==================  ===========================================================  ==========
module              holds                                                        parts
==================  ===========================================================  ==========
``shapes``          names of the axes; the shape and dtype checks of all others  all
``seeding``         ``seed_everything``                                          all
``reference``       attention in NumPy, float64, with hand-written backward      1, 2
``attention``       the same as functions of torch tensors                       2, 3
``masks``           causal, padding, window, prefix and block masks              2, 3
``layers``          attention cores and ``MultiHeadAttention``                   3
``training``        ``fit`` and its ``History``                                  3
``capture``         ``record_attention``: see the weights of any model           3
``plotting``        arrays and labels in, matplotlib axes out                    all
``data``            generated tasks and images; nothing is downloaded            all
``checks``          laws any attention must obey; ``claim``                      all
``grading``         ``grade``, ``hint`` and ``predict`` for the exercises        all
==================  ===========================================================  ==========

Importing ``attnutils`` imports none of them, and no torch.
"""

__version__ = "0.1.0"
