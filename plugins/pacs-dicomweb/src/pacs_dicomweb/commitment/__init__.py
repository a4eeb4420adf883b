"""Storage commitment by HTTP (PS3.18 chapter 13), where a plugin answers for what is stored."""
