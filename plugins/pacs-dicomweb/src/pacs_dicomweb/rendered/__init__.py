"""What can be seen of instances, over HTTP (PS3.18 10.4.1.1.3, 10.4.1.1.4): rendered, thumbnails.

Pictures and the pages of reports are those of `pacs_framework.rendering`; here is what the web adds
to them: regions, viewports, annotations, ICC profiles, links, media types.
"""
