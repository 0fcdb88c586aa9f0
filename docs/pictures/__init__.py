"""The pictures of docs/analytics.md, as SVG for light and dark. To draw them: make pictures"""
