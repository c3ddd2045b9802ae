"""The model beside measurements."""
