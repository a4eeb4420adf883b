"""UPS-RS: unified procedure steps over HTTP (PS3.18 chapter 11).

The steps are another plugin's, which answers the hook ``workitems``; this is their transport.
"""
