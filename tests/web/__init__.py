"""Tests of the browser's modules and of the pages."""
