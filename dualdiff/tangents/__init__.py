"""The ε-part: a tangent is a short sum of coefficient × leaf.

Read level, coefficients, contraction and moves first; leaf and tape are the two kinds of leaf behind one interface; tangent is
their sum; join and assemble build arrays from pieces and matrices from tangents; differential applies rows to tangents.
"""
