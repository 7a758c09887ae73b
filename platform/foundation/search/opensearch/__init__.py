"""The engine on OpenSearch, for production: candidates from both arms, every bound inside each of them.

OpenSearch names candidates; the numbers are ours. Each document carries its weights and its half-precision vector a
second time, as bytes, and a candidate is scored from those: the same number the PostgreSQL engine computes, whatever
`rank_features` (nine bits) and a graph (approximate) made of it. `docs/decisions/search-on-opensearch.md` says why.
"""
