"""The same release as row d measures, built the usual way: FastAPI, pydantic, eth-account, SQLAlchemy's ORM."""
