"""RTP to frames, frames to fragmented MP4, the catalogue of recordings. The recorder is just another viewer."""
